"""The lessons: scripts that build the networks of four teaching texts, and the helpers that the scripts share."""

from elman.lessons.catalogue import Lesson, find_lesson, lessons
from elman.lessons.marks import marked
from elman.lessons.pace import pace, run, seed
from elman.lessons.pictures import draw_losses, draw_steps, figure, legend_above, show
from elman.lessons.sources import LessonText, data_file, lesson_text
from elman.lessons.weights import count_weights

__all__ = [
    "Lesson",
    "LessonText",
    "count_weights",
    "data_file",
    "draw_losses",
    "draw_steps",
    "figure",
    "find_lesson",
    "legend_above",
    "lesson_text",
    "lessons",
    "marked",
    "pace",
    "run",
    "seed",
    "show",
]
