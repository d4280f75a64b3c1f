# moto's server, with DynamoDB's requests one at a time: its transactions are none when several threads write.
import sys
import threading

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

inner = DomainDispatcherApplication(create_backend_app)
lock = threading.Lock()


def serve(environ, start_response):
    if environ.get("HTTP_X_AMZ_TARGET", "").startswith("DynamoDB"):
        with lock:
            return [b"".join(inner(environ, start_response))]
    return inner(environ, start_response)


run_simple("127.0.0.1", int(sys.argv[1]), serve, threaded=True)
