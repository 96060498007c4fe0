//! Black-box tests of a Docker Engine API socket.
