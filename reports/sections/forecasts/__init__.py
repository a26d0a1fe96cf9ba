"""The quality of the forecasts: sentences on models and baselines, and the tables behind them."""
