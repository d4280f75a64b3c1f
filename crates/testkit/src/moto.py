# moto's server, with DynamoDB's requests one at a time: its transactions are none when several threads write.
import copy
import sys
import threading
import types
from collections import defaultdict

from moto.dynamodb import models
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

inner = DomainDispatcherApplication(create_backend_app)
lock = threading.Lock()

# To be able to go back, moto copies the whole table for every write of a transaction: seconds, once there are some hundred
# records. The partitions that are written are enough, once.
transact = models.DynamoDBBackend.transact_write_items
written = defaultdict(set)
saved = {}


def transact_write_items(self, writes):
    written.clear()
    saved.clear()
    for write in writes:
        (operation,) = write.values()
        table = self.tables.get(operation.get("TableName"))
        key = operation.get("Key") or operation.get("Item")
        if table and key and table.hash_key_attr in key:
            written[table.name].add(DynamoType(key[table.hash_key_attr]))
    return transact(self, writes)


def deepcopy(what):
    if not isinstance(what, models.Table):
        return copy.deepcopy(what)
    if what.name not in saved:
        saved[what.name] = before = copy.copy(what)
        before.items = defaultdict(dict, what.items)
        for partition in written[what.name] & what.items.keys():
            before.items[partition] = copy.deepcopy(what.items[partition])
    return saved[what.name]


models.DynamoDBBackend.transact_write_items = transact_write_items
models.copy = types.SimpleNamespace(deepcopy=deepcopy)


def serve(environ, start_response):
    if environ.get("HTTP_X_AMZ_TARGET", "").startswith("DynamoDB"):
        with lock:
            return [b"".join(inner(environ, start_response))]
    return inner(environ, start_response)


run_simple("127.0.0.1", int(sys.argv[1]), serve, threaded=True)
