"""A server of the Python SDK 1: `stateful` with server-sent events, `stateless` with JSON."""

from mcp.server.fastmcp import FastMCP
from tools import PORT, STATELESS, read_secret, word

server = FastMCP("python-sdk-1", host="0.0.0.0", port=PORT, stateless_http=STATELESS, json_response=STATELESS)
server.add_tool(word)
server.add_tool(read_secret)
server.run(transport="streamable-http")
