"""What a model says of any text, taken off what it says of one.

The vectors of some models lie in a narrow cone: two articles that have nothing to do with each other have a cosine of
0.8 there, and two on one event 0.9. Without the part that all have in common (Mu and Viswanath 2018, "All-but-the-Top")
the same pairs lie at 0.1 and 0.6, as filing, search and relations expect of any model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

SENTENCES = (
    "Heavy snow closed the mountain road overnight, and schools in the valley stayed shut on Monday.",
    "The company said profits rose by a tenth last year as more customers ordered online.",
    "A court in the capital sentenced the former mayor to three years in prison for bribery.",
    "El equipo local ganó por dos goles a uno y se clasificó para la final de la copa.",
    "Los médicos piden más camas en los hospitales antes de la temporada de gripe.",
    "El Congreso aprobó la ley de vivienda con los votos de tres partidos.",
    "Der Gemeinderat hat den Bau einer neuen Brücke über den Fluss beschlossen.",
    "Forscher haben in einer Höhle Werkzeuge aus der Steinzeit gefunden.",
    "Der Autobauer streicht in zwei Werken mehrere tausend Stellen.",
    "Le festival de cinéma s'ouvre ce soir avec un film tourné dans un petit village.",
    "Les agriculteurs ont bloqué l'autoroute pour protester contre le prix du lait.",
    "Une panne d'électricité a privé de courant des milliers de foyers.",
    "O governo anunciou um novo plano para proteger a floresta dos incêndios.",
    "A cantora cancelou os concertos do verão por motivos de saúde.",
    "La polizia ha arrestato due uomini dopo una rapina in una gioielleria.",
    "De trein ontspoorde vlak voor het station, maar niemand raakte gewond.",
    "Ceny mieszkań w dużych miastach spadły po raz pierwszy od pięciu lat.",
    "Учёные запустили спутник, который будет наблюдать за ледниками.",
    "Президент встретился с министрами и обсудил бюджет на следующий год.",
    "Hükümet asgari ücrete yapılacak zammı gelecek hafta açıklayacak.",
    "أعلنت وزارة الصحة عن حملة تطعيم جديدة للأطفال في جميع المحافظات.",
    "فاز المنتخب الوطني في المباراة الأخيرة بثلاثة أهداف دون رد.",
    "政府宣布明年将提高最低工资,工会表示欢迎。",
    "一名登山者在山中失踪三天后被救援人员找到。",
    "台風が近づき、多くの便が欠航となった。",
    "新しい図書館が来月、駅前に開館する。",
    "정부는 새로운 교통 정책을 다음 달부터 시행한다고 밝혔다.",
    "Giá gạo xuất khẩu tăng mạnh trong ba tháng đầu năm.",
    "Warga mengungsi setelah sungai meluap dan merendam ratusan rumah.",
    "किसानों ने फसल के बेहतर दाम की मांग को लेकर प्रदर्शन किया।",
)
"""Everyday news about nothing in particular, in the languages of many wires."""


class Encoder(Protocol):
    """Turns texts into vectors."""

    def encode(self, texts: Sequence[str]) -> Floats:
        """Vectors of shape (len(texts), d)."""
        ...


class WithoutCommon:
    """An encoder whose vectors of length 1 lack the mean of those of `SENTENCES`, which takes it a second to find."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._common: Floats = encoder.encode(SENTENCES).mean(axis=0)

    def encode(self, texts: Sequence[str]) -> Floats:
        """Vectors of shape (len(texts), d), of any length."""
        return self._encoder.encode(texts) - self._common
