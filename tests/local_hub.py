"""A model hub on this machine."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def local_hub():
    """`hub.files` are files by address, `hub.denied` addresses that need an account, `hub.asked` what was asked for."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self):
            hub.asked.append(self.path)
            content = hub.files.get(self.path)
            status = 401 if self.path in hub.denied else 404 if content is None else 200
            self.send_response(status)
            self.send_header("Content-Length", str(len(content or b"") if status == 200 else 0))
            self.end_headers()
            self.wfile.write((content or b"") if status == 200 else b"")

        def log_message(self, *_):
            pass

    hub = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    hub.files, hub.denied, hub.asked = {}, set(), []
    serving = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.01})
    serving.start()
    yield hub
    hub.shutdown()
    serving.join()
    hub.server_close()


def publish(hub, folder, repository="me/mine", revision="main"):
    """All files of a folder, as a repository."""
    for file in folder.iterdir():
        hub.files[f"/{repository}/resolve/{revision}/{file.name}"] = file.read_bytes()
