/** Figures are read as Prometheus writes them, and nothing else is taken for one. */
import { expect, it } from "vitest";
import { figuresOf } from "./series.ts";

it("figures are read by name, with their labels, and comments and others' are passed over", () => {
  const text = `# HELP quarterdeck_block The exchange's own block
# TYPE quarterdeck_block gauge
quarterdeck_block 367
quarterdeck_key_left_seconds +Inf
quarterdeck_rpc_endpoint_up{endpoint="0 127.0.0.1:8545"} 1
nodejs_heap_bytes 5
`;
  expect(figuresOf(text)).toEqual({
    block: 367,
    key_left_seconds: Number.NaN,
    'rpc_endpoint_up{endpoint="0 127.0.0.1:8545"}': 1,
  });
});
