//! A small shop, and what its author does to it.

/// Files as paths and texts; an empty text takes a file away.
type Files = &'static [(&'static str, &'static str)];

pub(super) const TITLE: &str = "Find customers by name";

pub(super) const BASE: Files = &[
    ("README.md", "# Shop\n\nSells things.\n"),
    ("shop/__init__.py", "\"\"\"A shop.\"\"\"\n"),
    (
        "shop/orders.py",
        "import sqlite3\n\n\ndef open_orders(path):\n    db = sqlite3.connect(path)\n    return db.execute(\"SELECT id FROM orders WHERE is_open\").fetchall()\n",
    ),
];

/// A request parameter becomes part of a statement, and certificates are not checked.
pub(super) const OPENED: Files = &[(
    "shop/customers.py",
    "import sqlite3

import requests
from flask import Flask, request

app = Flask(__name__)


@app.route(\"/customers\")
def find():
    name = request.args[\"name\"]
    db = sqlite3.connect(\"shop.db\")
    rows = db.execute(f\"SELECT id, name FROM customers WHERE name = '{name}'\")
    return {\"customers\": rows.fetchall()}


def rate(customer):
    return requests.get(\"https://ratings.example/\" + str(customer), verify=False).json()
",
)];

/// Something else, and nothing is mended.
pub(super) const SECOND: Files = &[(
    "shop/orders.py",
    "import sqlite3\n\n\ndef open_orders(path, limit=100):\n    db = sqlite3.connect(path)\n    return db.execute(\"SELECT id FROM orders WHERE is_open LIMIT ?\", (limit,)).fetchall()\n",
)];

/// Both are mended.
pub(super) const MENDED: Files = &[(
    "shop/customers.py",
    "import sqlite3

import requests
from flask import Flask, request

app = Flask(__name__)


@app.route(\"/customers\")
def find():
    name = request.args[\"name\"]
    db = sqlite3.connect(\"shop.db\")
    rows = db.execute(\"SELECT id, name FROM customers WHERE name = ?\", (name,))
    return {\"customers\": rows.fetchall()}


def rate(customer):
    return requests.get(\"https://ratings.example/\" + str(customer)).json()
",
)];
