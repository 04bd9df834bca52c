"""Everything that is kept: encrypted records, photographs, the index, and the audit of every act."""
