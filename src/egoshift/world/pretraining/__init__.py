"""Where the shipped encoders come from: third-person pictures with captions, and the scripts that train on them."""
