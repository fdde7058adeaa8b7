"""Talks gRPC: the control line from the leader to the workers, over mTLS.

``tls`` reads and watches the certificate files, ``codec`` turns values into messages and back,
``server`` is the worker's side of the line and ``client`` the leader's. ``grpc`` is imported
nowhere else.
"""
