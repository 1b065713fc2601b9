import pytest
from bench import Bench
from hypothesis import settings

# Machines are noisy: how long an example takes says nothing.
settings.register_profile("irq13", deadline=None)
settings.load_profile("irq13")


@pytest.fixture(params=["hdl", "model"])
def on(request):
    """Each test of a rule runs on the HDL and on the model."""
    return request.param


@pytest.fixture
def pc(on):
    """`pc(generation, masks="none", **parameters)`: a PC with these masks and no flag set."""
    return lambda generation, masks="none", **parameters: Bench(on, generation, masks, **parameters)


@pytest.fixture(params=["I486", "P6", "AMD64"])
def generation(request):
    return request.param
