"""From a photograph's bytes to faces, their quality and their templates."""
