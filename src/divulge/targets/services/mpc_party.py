"""One of three parties, started by MPyC as a process of its own: `python mpc_party.py -M3 FOLDER`.

Party 0 holds the weights, party 1 asks, party 2 helps.  All numbers travel as Shamir shares (Ben-Or, Goldwasser and
Wigderson 1988): what one party holds says nothing, what two of them hold together says everything.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from mpyc.runtime import mpc

OWNER, ASKER = 0, 1
BITS, FRACTION = 64, 24


async def main() -> None:
    """Share, multiply, open to whoever asked."""
    folder = Path(sys.argv[-1])
    layers, *sizes, records = json.loads((folder / "shape.json").read_text(encoding="utf-8"))
    number = mpc.SecFxp(BITS, FRACTION)
    await mpc.start()
    owned = np.load(folder / "owner.npz") if mpc.pid == OWNER else None
    asked = np.load(folder / "asker.npz")["x"] if mpc.pid == ASKER else np.zeros((records, sizes[0]))

    def shared(name: str, shape: tuple[int, ...]) -> Any:
        values = owned[name] if owned is not None else np.zeros(shape)
        return mpc.input(number.array(np.asarray(values, dtype=np.float64), integral=False), senders=OWNER)

    x = mpc.input(number.array(np.asarray(asked, dtype=np.float64), integral=False), senders=ASKER)
    for layer in range(layers):
        x = x @ shared(f"w{layer}", (sizes[layer], sizes[layer + 1])) + shared(f"b{layer}", (sizes[layer + 1],))
        if layer < layers - 1:
            factors = shared(f"p{layer}", (4,))
            power_of_x = factors[3]
            for power in (2, 1, 0):
                power_of_x = power_of_x * x + factors[power]
            x = power_of_x
    answer = await mpc.output(x, receivers=ASKER)
    sent = [int(peer.protocol.nbytes_sent) for peer in mpc.parties if peer.pid != mpc.pid]
    everybody = await mpc.transfer(sum(sent))
    if mpc.pid == ASKER:
        np.save(folder / "answer.npy", np.asarray(answer, dtype=np.float64))
        revealed = {"asker": everybody[ASKER], "all": sum(everybody)}
        (folder / "bytes.json").write_text(json.dumps(revealed), encoding="utf-8")
    await mpc.shutdown()


if __name__ == "__main__":
    mpc.run(main())
