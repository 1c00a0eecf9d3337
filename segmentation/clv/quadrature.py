"""Means over a beta distribution by Gauss-Jacobi quadrature, however large its parameters are."""

import numpy as np
import scipy

from segmentation.clv.search import Floats

NODES = 48


def beta_nodes(a: float, b: float) -> tuple[Floats, Floats]:
    """Places in (0, 1) and weights that add up to 1: Σ weight · f(place) is the mean of f under Beta(a, b).

    From the recurrence of the Jacobi polynomials (Golub & Welsch 1969); nothing of it overflows, unlike the beta
    function that usual tables of weights are scaled with.
    """
    left, right, n = b - 1, a - 1, np.arange(1, NODES)
    both = left + right
    middle = np.empty(NODES)
    middle[0] = (right - left) / (both + 2)
    middle[1:] = (right - left) / (2 * n + both) * (both / (2 * n + both + 2))
    n = n[1:]
    size = 2 * n + both
    beside = np.empty(NODES - 1)
    beside[0] = 4 * (1 + left) * (1 + right) / ((2 + both) ** 2 * (3 + both))
    beside[1:] = 4 * n * (n + left) * (n + right) * (n + both) / (size**2 * (size + 1) * (size - 1))
    places, vectors = scipy.linalg.eigh_tridiagonal(middle, np.sqrt(beside))
    return np.clip((1 + places) / 2, 1e-300, 1.0), vectors[0] ** 2
