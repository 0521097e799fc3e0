"""TensorZero's embedded gateway over HTTP: serves the configuration that is named until stdin ends, and says its address first."""

import sys

import tensorzero

gateway = tensorzero._start_http_gateway(
    config_file=sys.argv[1], clickhouse_url=None, postgres_url=None, valkey_url=None, async_setup=False
)
print(gateway.base_url, flush=True)
sys.stdin.read()
