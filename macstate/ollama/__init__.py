"""What is particular to Ollama: its names of models, and its pulls."""
