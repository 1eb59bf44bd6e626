"""How things look: a pen, colours, hands, and one drawing for each noun."""
