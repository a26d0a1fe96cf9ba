"""How good forecasts are: scores from the recorded forecasts, tests of differences, and signs of a leak."""
