"""Service: cases and their clocks, the queue, the contact centre, knowledge and surveys."""
