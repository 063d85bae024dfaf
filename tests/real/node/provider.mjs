// A certified OpenID provider (https://www.npmjs.com/package/oidc-provider) that gives tokens to one client with
// client credentials: a JWT for the resource that is asked for (RFC 8707), and an opaque token without one. Prints its port
// when it listens.
//
// The environment has ISSUER, TLS_KEY and TLS_CERTIFICATE (files), CLIENT_ID, CLIENT_SECRET, RESOURCE and SCOPE.

import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';

import { errors, Provider } from 'oidc-provider';

const { ISSUER, TLS_KEY, TLS_CERTIFICATE, CLIENT_ID, CLIENT_SECRET, RESOURCE, SCOPE } = process.env;
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

const provider = new Provider(ISSUER, {
  clients: [{
    client_id: CLIENT_ID,
    client_secret: CLIENT_SECRET,
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
  }],
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo(_, resource) {
        if (resource !== RESOURCE) throw new errors.InvalidTarget();
        return { scope: SCOPE, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } };
      },
    },
  },
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'key', use: 'sig', alg: 'RS256' }] },
  scopes: [SCOPE],
});

const tls = { key: readFileSync(TLS_KEY), cert: readFileSync(TLS_CERTIFICATE) };
const server = createServer(tls, provider.callback());
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
