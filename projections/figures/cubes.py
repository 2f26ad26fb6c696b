"""The cubes: everything that can be asked of the facts, by area."""

from projections.figures import cubes_marketing, cubes_sales, cubes_service

CUBES = {cube.name: cube for area in (cubes_sales, cubes_service, cubes_marketing) for cube in area.CUBES}
"""Every cube by its name."""
