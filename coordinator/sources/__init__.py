"""Where bars come from: files and frames, opened as something DuckDB can read again and again."""
