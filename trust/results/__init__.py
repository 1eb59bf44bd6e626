"""Where the numbers of README and pages come from: files that programs wrote, and the pages rewritten from them."""
