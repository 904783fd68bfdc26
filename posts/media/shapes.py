"""Compute the size of an image for a network. Imports nothing of ours, as the child process that draws uses it, too."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The limits of a JPEG that an image is made into; it gets bars at its sides if it is too wide or high."""

    max_bytes: int = 0
    min_ratio: float = 0
    """Width by height; 0: none."""
    max_ratio: float = 0
    max_side: int = 0
    max_short_side: int = 0
    max_area: int = 0
    width: int = 0
    """With `height` the very size that it gets; 0: any within the limits."""
    height: int = 0

    def with_bars(self, width: int, height: int) -> tuple[int, int]:
        """Return these sides, extended if the limits of the ratio, or the size that it gets, require it."""
        if self.width and self.height:
            scale = max(width / self.width, height / self.height, 1)
            return round(self.width * scale), round(self.height * scale)
        if self.min_ratio and width / height < self.min_ratio:
            width = math.ceil(height * self.min_ratio)
        if self.max_ratio and width / height > self.max_ratio:
            height = math.ceil(width / self.max_ratio)
        return width, height

    def within(self, width: int, height: int) -> tuple[int, int]:
        """Return the sides that an image with these ones, including its bars, is made into."""
        if self.width and self.height:
            return self.width, self.height
        return times((width, height), self.scale(width, height))

    def scale(self, width: int, height: int) -> float:
        """Return the factor, at most 1, by which these sides keep to their limits and to that of their area."""
        scales = [1.0]
        if self.max_side:
            scales.append(self.max_side / max(width, height))
        if self.max_short_side:
            scales.append(self.max_short_side / min(width, height))
        if self.max_area and width * height > self.max_area:  # minus the most that rounding the sides up adds
            scales.append(math.sqrt(self.max_area / (width * height)) - (1 / width + 1 / height) / 2)
        return min(scales)


def times(size: tuple[int, int], scale: float) -> tuple[int, int]:
    """Return the sides multiplied, in whole pixels, at least one each."""
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
