"""The parts of web servers that the studio and the service share: who may call, a port, and answers."""
