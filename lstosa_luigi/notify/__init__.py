"""Telling people how a night stands: what there is to tell, by mail or command, once each."""
