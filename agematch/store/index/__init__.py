"""The index of the gallery: the one home of FAISS, and an encrypted cache of fused vectors on disk."""

from agematch.store.index.gallery import GalleryIndex, SyncReport
from agematch.store.index.nearest import Hits, exact_scores

__all__ = ["GalleryIndex", "Hits", "SyncReport", "exact_scores"]
