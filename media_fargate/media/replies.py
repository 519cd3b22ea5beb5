"""The language model's side of one call: a task a reply, each cancellable at once."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from calling.domain.model_usage import ModelUsage
from media.conversation.inputs import Input, ReplyEnded, ReplyFailed, ReplyText, ReplyTool, ReplyWaiting
from media.llm import ConversationModel, Ended, LanguageModelFailed, Manner, ToolUse, Waiting, Words


class Replies:
    """Turns replies into inputs; a cancelled one gives none any more. `spent` is told of tokens as they are counted."""

    def __init__(
        self,
        model: ConversationModel,
        manner: Manner,
        tell: Callable[[Input], None],
        spent: Callable[[ModelUsage], None],
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._model = model
        self._manner = manner
        self._tell = tell
        self._spent = spent
        self._tasks = tasks
        self._running: dict[str, asyncio.Task[None]] = {}

    def start(self, reply: str, messages: Sequence[dict[str, Any]]) -> None:
        """Ask for a reply."""
        task = self._tasks.create_task(self._run(reply, messages))
        self._running[reply] = task
        task.add_done_callback(lambda _: self._running.pop(reply, None))

    def cancel(self, reply: str) -> None:
        """Stop a reply."""
        if task := self._running.pop(reply, None):
            task.cancel()

    def cancel_all(self) -> None:
        """Stop whatever is being written."""
        for reply in list(self._running):
            self.cancel(reply)

    async def _run(self, reply: str, messages: Sequence[dict[str, Any]]) -> None:
        try:
            async for piece in self._model.reply(self._manner, messages):
                match piece:
                    case Words(text):
                        self._tell(ReplyText(reply, text))
                    case ToolUse(tool_use, name, arguments, cut):
                        self._tell(ReplyTool(reply, tool_use, name, arguments, cut))
                    case Waiting():
                        self._tell(ReplyWaiting(reply))
                    case Ended(stop):
                        self._tell(ReplyEnded(reply, stop))
                    case ModelUsage():
                        self._spent(piece)
        except LanguageModelFailed:
            self._tell(ReplyFailed(reply))
