"""A server of the Python SDK 2: `stateful` with server-sent events, `stateless` with JSON."""

from mcp.server import MCPServer
from tools import PORT, STATELESS, read_secret, word

server = MCPServer("python-sdk-2")
server.add_tool(word)
server.add_tool(read_secret)
server.run("streamable-http", host="0.0.0.0", port=PORT, stateless_http=STATELESS, json_response=STATELESS)
