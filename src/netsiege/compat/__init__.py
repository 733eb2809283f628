"""Other projects' interfaces over our wire: an agent that was written for one of them plays here as it is."""
