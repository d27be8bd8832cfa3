"""From questions to pictures: what the index finds, drawn with what `render` draws."""
