"""How the installation is: probes, signs of life, numbers, and who may see them."""
