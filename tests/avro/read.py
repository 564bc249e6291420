"""Reads messages of Confluent's wire format by fastavro, each under its schema in a registry.

Arguments: the registry's URL, and a file with a reader's schema or nothing. Each line of the input is a message in hexadecimal digits;
each line of the output is its value, in which a number, a date and bytes are a string.
"""

import datetime
import decimal
import io
import json
import sys
import urllib.request

import fastavro

url = sys.argv[1]
reader = fastavro.parse_schema(json.load(open(sys.argv[2]))) if len(sys.argv) > 2 else None
schemas = {}


def schema_of(number):
    if number not in schemas:
        with urllib.request.urlopen(f"{url}/schemas/ids/{number}") as answer:
            schemas[number] = fastavro.parse_schema(json.loads(json.load(answer)["schema"]))
    return schemas[number]


def shown(value):
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, bytes):
        return value.hex().upper()
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.%f") if value.year > 999 else value.isoformat(" ", "microseconds")[:26]
    if isinstance(value, dict):
        return {name: shown(member) for name, member in value.items()}
    if isinstance(value, list):
        return [shown(member) for member in value]
    return str(value)


for line in sys.stdin:
    message = bytes.fromhex(line.strip())
    assert message[0] == 0, message[:5]
    datum = io.BytesIO(message[5:])
    value = fastavro.schemaless_reader(datum, schema_of(int.from_bytes(message[1:5], "big")), reader)
    assert not datum.read(), "bytes are left"
    print(json.dumps(shown(value)))
