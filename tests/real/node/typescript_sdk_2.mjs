// A server of the TypeScript SDK: `stateless` with its handler for every revision of MCP, `stateful` with a session for each
// client.

import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';

import { NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';

import { offerTools, port } from './tools.mjs';

const newServer = () => offerTools(new McpServer({ name: 'typescript-sdk-2', version: '1.0.0' }));

const sessions = new Map();

async function stateful(request, response) {
  const known = request.headers['mcp-session-id'];
  let transport = sessions.get(known);
  if (!transport) {
    transport = new NodeStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (session) => sessions.set(session, transport),
    });
    await newServer().connect(transport);
  }
  await transport.handleRequest(request, response);
}

const handlers = { stateful, stateless: toNodeHandler(createMcpHandler(newServer)) };

createServer(handlers[process.argv[2]]).listen(port, '0.0.0.0');
