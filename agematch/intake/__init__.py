"""What people write about children and photographs: tables, dates and words in, plain records out."""
