"""Puts a Slack workspace on a free port of 127.0.0.1."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from embedded_account.slack_sink import AnswerLost, SlackSink


def serve(sink: SlackSink) -> tuple[str, Callable[[], None]]:
    """Puts *sink* on a free port of 127.0.0.1; returns its URL and what closes it."""

    class Request(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                reply = sink.handle(self.command, self.path, dict(self.headers.items()), body)
            except AnswerLost:
                self.close_connection = True
                return
            status, headers, answer = reply
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            with suppress(ConnectionError):
                self.wfile.write(answer)

        do_GET = do_POST

        def log_message(self, format: str, *args: object) -> None:
            """Keeps http.server from printing each request."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Request)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()

    def close() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return f"http://127.0.0.1:{server.server_port}", close
