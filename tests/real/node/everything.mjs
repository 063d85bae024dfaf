// A server of the TypeScript SDK with the tools, resources and prompts that the conformance suite asks of a server, in the
// suite's words.

import { createServer } from 'node:http';
import { setTimeout } from 'node:timers/promises';

import { toNodeHandler } from '@modelcontextprotocol/node';
import { completable, createMcpHandler, McpServer, ResourceTemplate } from '@modelcontextprotocol/server';
import { z } from 'zod';

import { port } from './tools.mjs';

// One red pixel, and a file without a sample.
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';
const WAV = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA=';

const text = (text) => ({ type: 'text', text });
const image = { type: 'image', data: PNG, mimeType: 'image/png' };
const resource = (uri, mimeType, text) => ({ type: 'resource', resource: { uri, mimeType, text } });

const CONTENT = {
  test_simple_text: [text('This is a simple text response for testing.')],
  test_image_content: [image],
  test_audio_content: [{ type: 'audio', data: WAV, mimeType: 'audio/wav' }],
  test_embedded_resource: [resource('test://embedded-resource', 'text/plain', 'This is an embedded resource content.')],
  test_multiple_content_types: [
    text('Multiple content types test:'),
    image,
    resource('test://mixed-content-resource', 'application/json', JSON.stringify({ test: 'data', value: 123 })),
  ],
};

function offerTools(server) {
  for (const [name, content] of Object.entries(CONTENT)) {
    server.registerTool(name, { description: 'Returns content.' }, async () => ({ content }));
  }
  server.registerTool('test_error_handling', { description: 'Fails.' }, async () => {
    throw new Error('This tool intentionally returns an error for testing');
  });
  server.registerTool('test_tool_with_progress', { description: 'Reports progress.' }, async ({ mcpReq }) => {
    const { progressToken } = mcpReq._meta ?? {};
    for (const progress of [0, 50, 100]) {
      if (progressToken !== undefined) {
        await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total: 100 } });
      }
      await setTimeout(50);
    }
    return { content: [text('done')] };
  });
}

function offerResources(server) {
  const read = (uri, mimeType, content) => ({ contents: [{ uri: uri.href, mimeType, ...content }] });
  const described = (mimeType) => ({ description: 'A resource.', mimeType });
  server.registerResource('text', 'test://static-text', described('text/plain'), async (uri) =>
    read(uri, 'text/plain', { text: 'This is the content of the static text resource.' }));
  server.registerResource('binary', 'test://static-binary', described('image/png'), async (uri) =>
    read(uri, 'image/png', { blob: PNG }));
  const template = new ResourceTemplate('test://template/{id}/data', { list: undefined });
  server.registerResource('template', template, described('application/json'), async (uri, { id }) =>
    read(uri, 'application/json', { text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }) }));
}

function offerPrompts(server) {
  const prompt = (...contents) => ({ messages: contents.map((content) => ({ role: 'user', content })) });
  const suggested = completable(z.string(), (value) => ['paris', 'park', 'party'].filter((it) => it.startsWith(value)));
  const register = (name, argsSchema, messages) =>
    server.registerPrompt(name, { description: 'A prompt.', argsSchema }, messages);
  register('test_simple_prompt', undefined, () => prompt(text('This is a simple prompt for testing.')));
  register('test_prompt_with_arguments', z.object({ arg1: suggested, arg2: z.string() }), ({ arg1, arg2 }) =>
    prompt(text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)));
  register('test_prompt_with_embedded_resource', z.object({ resourceUri: z.string() }), ({ resourceUri }) =>
    prompt(
      resource(resourceUri, 'text/plain', 'Embedded resource content for testing.'),
      text('Please process the embedded resource above.'),
    ));
  register('test_prompt_with_image', undefined, () => prompt(image, text('Please analyze the image above.')));
}

function newServer() {
  const server = new McpServer({ name: 'everything', version: '1.0.0' });
  offerTools(server);
  offerResources(server);
  offerPrompts(server);
  return server;
}

createServer(toNodeHandler(createMcpHandler(newServer))).listen(port, '0.0.0.0');
