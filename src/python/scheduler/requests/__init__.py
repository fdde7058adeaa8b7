"""The write side for people: what is asked for is written down; the leader carries it out."""
