// The tools that the servers in JavaScript offer.

import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';

// AgentCore calls port 8000 of a container.
export const port = Number(process.env.PORT ?? 8000);

async function readSecret() {
  const name = process.env.SECRET_NAME ?? process.env.ZSCALER_SECRET_NAME;
  const secret = await new SecretsManagerClient().send(new GetSecretValueCommand({ SecretId: name }));
  return Object.keys(JSON.parse(secret.SecretString)).sort().join(' ');
}

// Registers them with an `McpServer` of either major version.
export function offerTools(server) {
  const text = (text) => ({ content: [{ type: 'text', text }] });
  server.registerTool('word', { description: 'Returns one word.' }, async () => text('served'));
  server.registerTool(
    'read_secret',
    { description: 'Reads the secret of this server, and returns the names in it.' },
    async () => text(await readSecret()),
  );
  return server;
}
