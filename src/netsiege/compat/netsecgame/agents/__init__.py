"""Where NetSecGame keeps the class that its agents start from."""
