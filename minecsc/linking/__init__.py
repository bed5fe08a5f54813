"""Linking: every mention to the right identifier, or honestly to none."""

from minecsc.linking.kb import KnowledgeBase
from minecsc.linking.layout import Concept
from minecsc.linking.linker import Candidate, Linker

__all__ = ["Candidate", "Concept", "KnowledgeBase", "Linker"]
