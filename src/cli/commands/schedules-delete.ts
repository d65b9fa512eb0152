import { openSchedules } from '../open-schedules.ts';
import { type AnswerOptions, showAnswer } from '../show-answer.ts';

export const deleteSchedule = async (id: string, options: AnswerOptions): Promise<number> => {
  const deleted = await (await openSchedules(options)).remove(id);
  return showAnswer(options, deleted, (output) => output.write(`${deleted.schedule_id} deleted\n`));
};
