// The official MCP client for TypeScript: lists the tools and calls one. Prints the revision, the tools and what the tool
// said, as JSON.
//
//     node client.mjs <URL> <tool> auto|legacy

import { Client, ClientCredentialsProvider, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

const [url, tool, mode] = process.argv.slice(2);
const { IDP_CLIENT_ID: clientId, IDP_CLIENT_SECRET: clientSecret, IDP_SCOPE: scope, IDP_ISSUER: expectedIssuer } = process.env;
const authProvider = new ClientCredentialsProvider({ clientId, clientSecret, scope, expectedIssuer });

const client = new Client({ name: 'client', version: '1.0.0' }, { versionNegotiation: { mode } });
await client.connect(new StreamableHTTPClientTransport(new URL(url), { authProvider }));
const { tools } = await client.listTools();
const answer = await client.callTool({ name: tool, arguments: {} });
console.log(JSON.stringify([client.getNegotiatedProtocolVersion(), tools.map(({ name }) => name), answer.content[0].text]));
await client.close();
