"""A signature of outputs over many cycles: runs with the same one gave the same values, except by chance."""

SIGNATURE_BITS = 64
POLYNOMIAL = 0x1B
"""x^64 + x^4 + x^3 + x + 1."""


def next_signature(signature: list, outputs: list) -> list:
    """A multiple-input signature register: a Galois shift register that the outputs are added to.

    Parameters
    ----------
    signature : list
        SIGNATURE_BITS bits as they stand, the lowest first; of any kind that knows `^`.
    outputs : list
        Bits of the same kind, any number: bit n is added to bit n modulo SIGNATURE_BITS.
    """
    top = signature[-1]
    after = [top, *signature[:-1]]
    for index in range(1, SIGNATURE_BITS):
        if POLYNOMIAL >> index & 1:
            after[index] = after[index] ^ top
    for index, bit in enumerate(outputs):
        after[index % SIGNATURE_BITS] = after[index % SIGNATURE_BITS] ^ bit
    return after
