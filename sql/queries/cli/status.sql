-- cli.status: the health of the service, figure by figure.
SELECT figure, value, state, warning_from, alert_from, advice FROM ops.health;
