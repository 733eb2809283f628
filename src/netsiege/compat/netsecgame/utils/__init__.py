"""Where NetSecGame keeps the functions that its agents share, under its names."""
