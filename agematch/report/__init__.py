"""What people read: candidate lists as sentences, terminal rows, JSON lines and one self-contained HTML page."""
