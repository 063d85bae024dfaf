"""A server of FastMCP, of any major version from 2 on."""

from fastmcp import FastMCP
from tools import PORT, STATELESS, read_secret, word

server = FastMCP("fastmcp")
server.tool(word)
server.tool(read_secret)
server.run("http", host="0.0.0.0", port=PORT, stateless_http=STATELESS, show_banner=False)
