"""ClassyGlass: four real sensors of glasses, people never seen in training, any subset of the sensors."""
