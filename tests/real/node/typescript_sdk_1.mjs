// A stateless server of the TypeScript SDK before its second major version. The stateful one is the example in its package;
// the stateless example there listens on a fixed port.

import { createServer } from 'node:http';

import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';

import { offerTools, port } from './tools.mjs';

createServer(async (request, response) => {
  const server = offerTools(new McpServer({ name: 'typescript-sdk-1', version: '1.0.0' }));
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
  await server.connect(transport);
  await transport.handleRequest(request, response);
}).listen(port, '0.0.0.0');
