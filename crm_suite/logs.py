"""How processes tell what they do: lines for people, or JSON for log collectors."""

import logging

import structlog

#: Tracebacks without local variables: those hold customers' data.
_ENDS: dict[str, list[structlog.typing.Processor]] = {
    "text": [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)],
    "json": [
        structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)),
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ],
}
_STEPS: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]

_LOGGERS: dict[str, dict[str, object]] = {
    # Django's own handlers would print each line a second time.
    "django": {"handlers": [], "propagate": True},
    # A line for every tick of every ten seconds says nothing.
    "celery.app.trace": {"level": "WARNING"},
    "celery.beat": {"level": "WARNING"},
    "celery.worker.strategy": {"level": "WARNING"},
    # aiosmtpd of the simulator, a line per command.
    "mail.log": {"level": "WARNING"},
}


def logging_settings(*, form: str, level: str) -> dict[str, object]:
    """Django's LOGGING: everything to the console, as `form` says ("text" or "json"), from `level` on."""
    structlog.configure(
        processors=[*_STEPS, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    line = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": _STEPS,
        "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_ENDS[form]],
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": line},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": _LOGGERS,
    }
